"""Files of usage: recognised by their content, read as ledger columns."""
