"""Everybody in turn, several times, and what the host does to it."""
from .machine import Stolen

STOLEN_MOST = 5  # percent of a round's time, of all cores


def in_turn(found, rounds):
    """Call each of {who: what measures it once} in each of so many rounds.

    A round of which the host took more than STOLEN_MOST is set aside for all
    and made again, at most as often as there are rounds; if even that does not
    do, those that lost least count.

    Return: ({who: what it gave in each}, how many rounds, as a text)."""
    made, good = [], 0
    while good < rounds and len(made) < 2 * rounds:
        stolen = Stolen()
        values = {who: once() for who, once in found.items()}
        made.append((stolen.percent(), values))
        good += made[-1][0] <= STOLEN_MOST
    counted = sorted(made, key=lambda one: one[0])[:rounds]
    taken = {who: [values[who] for _, values in counted] for who in found}
    return taken, said(rounds, len(made) - rounds, counted[-1][0])


def said(rounds, aside, lost):
    text = f"{rounds} rounds of everybody in turn, on cores that do not sleep"
    if aside:
        text += f" ({aside} more set aside, of which the host took more; of " \
                f"these it took {lost:.2g} % at most)"
    return text
