"""The data plane: identify, decide, forward, meter, settle. The only async room."""
