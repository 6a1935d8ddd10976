"""OpenVINO's IR."""
