"""The real engine on virtual time, with crashes, faults and people as a seed has them: thousands of runs a minute."""
