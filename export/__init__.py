"""Exporters: canonical weights in, artifact folders out."""
