"""The price book and the published prices it is compared with."""
