"""The specification of Clew, as tests."""
