"""Google Cloud: the billing export in BigQuery or in files, as lines of bills."""
