"""Ctrl-C that ends a run in good order."""
import signal
import threading


class Interrupt:
    """Turns the first Ctrl-C within its block into the flag ``asked``; the second ends the run at once.

    In another thread than the main one it does nothing.
    """

    asked = False

    def __enter__(self):
        self.before = None
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGINT, self._ask)
        return self

    def _ask(self, *_):
        self.asked = True
        signal.signal(signal.SIGINT, self.before)

    def __exit__(self, *_):
        if self.before is not None and not self.asked:
            signal.signal(signal.SIGINT, self.before)
