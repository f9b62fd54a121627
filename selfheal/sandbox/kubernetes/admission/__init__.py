"""What may be stored: defaults, validation and the admission plugins, in the words of the API server."""
