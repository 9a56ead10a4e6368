"""One file or folder per source: what a file, package or provider says, as records of ours."""
