"""Training benchmarks: one step of forward, backward and Adam, ours beside the peers'.

``tasks`` says what is measured beside whom, ``problem`` has the numbers that every side reads, ``equality`` the checks
that come first, ``sitting`` the interleaved runs, ``rows`` what is printed, ``command`` the command line.
"""
