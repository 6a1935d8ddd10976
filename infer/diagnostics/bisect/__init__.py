"""Where two artifacts first differ, tensor by tensor."""
