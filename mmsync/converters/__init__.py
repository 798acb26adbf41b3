"""From raw data to stores: a module for each data set, and the resumable conversion that they share."""
