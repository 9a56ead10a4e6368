"""The Northwind company: made-up usage with known stories in it, for trying and for measuring."""
