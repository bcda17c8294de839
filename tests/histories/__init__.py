"""Payloads as they were stored once, which every later Clew must read."""
