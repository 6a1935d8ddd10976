"""What keeps artifacts from harm: limits of processes, and trust."""
