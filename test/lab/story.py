"""What a demo tells: chapters, checks, figures."""


class Story:
    def __init__(self):
        self.failed = 0
        self.unproven = []
        self.figures = []

    def chapter(self, text):
        print(f"\n{text}", flush=True)

    def tell(self, text):
        print(f"   {text}", flush=True)

    def check(self, good, text):
        print(f" {'ok' if good else 'FAILED':>2} {text}", flush=True)
        self.failed += not good

    def figure(self, name, seconds):
        self.figures.append((name, seconds))
        self.tell(f"{name}: {seconds * 1000:.0f} ms")

    def end(self):
        """Figures, and what could not be proved; return the exit status."""
        self.chapter("Figures")
        for name, seconds in self.figures:
            print(f"   {name:<40} {seconds * 1000:8.0f} ms")
        for claim in self.unproven:
            print(f"   not proven here: {claim}")
        print(f"\n{'FAILED.' if self.failed else 'The story holds.'}")
        return 1 if self.failed else 0
