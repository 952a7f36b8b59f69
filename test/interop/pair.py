"""The same rows on a stand-in and on the real server, side by side."""
import typing


class Outcome(typing.NamedTuple):
    """Of one case: how many rows were played on both, what differed, and which
    rows only the real one has."""
    name: str
    compared: int
    differences: list
    left_out: list


def shape(answer):
    """What an answer is made of, without its values. A number is a number;
    of a list, only that it is one."""
    if isinstance(answer, dict):
        return {name: shape(value) for name, value in answer.items()}
    if isinstance(answer, bool) or not isinstance(answer, (int, float)):
        return type(answer).__name__
    return "number"


def shapes_differ(standin, real, partial, where="answer"):
    """Each place where one has what the other has not; where the stand-in is
    @partial, what it has too much."""
    if isinstance(standin, dict) and isinstance(real, dict):
        for name in sorted({*standin, *real}):
            below = f"{where}.{name}"
            if name not in real:
                yield f"{below} is only in the stand-in's"
            elif name in standin:
                yield from shapes_differ(standin[name], real[name], partial,
                                         below)
            elif not partial:
                yield f"{below} is only in the real one's"
    elif standin != real:
        yield f"{where} is {standin} in the stand-in's, {real} in the real one's"


def play(case, folder, standin, real):
    """Play a case on both."""
    compared, differences, left_out = 0, [], []
    for player in (standin, real):
        player.begin(case)
    for row in case.made(folder):
        if row.standin:
            compared += 1
            differences += play_row(row, standin, real)
        else:
            left_out.append(str(row))
            wrong = real.play_row(row)[2]
            differences += [f"{row}: the real one: {wrong}"] if wrong else []
    return Outcome(case.name, compared, differences, left_out)


def play_row(row, standin, real):
    """Where the two differ, from the row or from each other."""
    _, said, wrong = standin.play_row(row)
    _, really, really_wrong = real.play_row(row)
    if wrong or really_wrong:
        return [f"{row}: {who}: {what}" for who, what in (
            ("the stand-in", wrong), ("the real one", really_wrong)) if what]
    return [f"{row}: {what}" for what in
            shapes_differ(shape(said), shape(really), row.partial)]
