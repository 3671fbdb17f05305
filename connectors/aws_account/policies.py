"""What a policy document says of us: which statements let us in, the document without us, and with us again.

Source: IAM User Guide, "AWS JSON policy elements: Principal" and "… Condition". Whatever is not ours stays, statement by statement.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from connectors.aws_account.marks import Marks
from core.canonical import Json

Document = Mapping[str, Any]
Statement = dict[str, Any]

SID: Final = "GoodLeaver"
"""How the Sid of every statement of ours begins: letters and digits only, as IAM wants it."""
_POSITIVE: Final = {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress"}
_OR_NOT_SAID: Final = "ifexists"
"""How an operator ends that holds as well for a request that says nothing of its key."""
_OPEN: Final = ("Federated", "Service")
"""Kinds of principals that let many in, so that a condition may say who: somebody's identity provider, a service of AWS."""


class Piece(NamedTuple):
    """What of one statement is ours. `path` leads to the list that it is a part of; empty if the whole statement is ours.

    `order` is how that list stood: AWS does not mind, but people who compare do.
    """

    at: int
    path: tuple[str, ...]
    statement: Statement
    order: tuple[str, ...] = ()


class Taken(NamedTuple):
    """A document without us; `denied` if we were the last whom it let in, so that it denies us now instead."""

    document: Document
    pieces: tuple[Piece, ...]
    denied: bool


def statements(document: Document) -> list[Statement]:
    """Give the statements, of which a single one may stand without a list."""
    found = document.get("Statement", [])
    return [dict(found)] if isinstance(found, Mapping) else [dict(one) for one in found]


def canonical(value: Json) -> Json:
    """Give a form in which the same documents are equal: AWS writes lists of one as text, and lists in an order of its own."""
    if isinstance(value, Mapping):
        return {key: canonical(one) for key, one in value.items()}
    if isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        return sorted((canonical(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return sorted({str(one).lower() if isinstance(one, bool) else str(one) for one in _listed(value)})


def same(one: Document, other: Document) -> bool:
    """Tell whether two documents say the same."""
    return bool(_whole(one) == _whole(other))


def pieces_of(document: Document, marks: Marks) -> tuple[Piece, ...]:
    """Find what lets us in: parts of statements that allow, and are not denied to us by a statement of ours."""
    every = statements(document)
    denied = [canonical(_without(one, "Sid")) for one in every if one.get("Effect") == "Deny"]
    found = [piece for at, one in enumerate(every) for piece in _pieces(at, one, marks)]
    return tuple(piece for piece in found if canonical(_without(_deny(piece, ""), "Sid")) not in denied)


def others(document: Document, marks: Marks) -> list[Statement]:
    """Give what is not ours: every statement, less our part in it, less those that we added ourselves."""
    found = list[Statement]()
    for one in statements(document):
        rest, piece = _split(0, one, marks)
        while rest and piece:  # a statement may name us in several ways
            rest, piece = _split(0, rest, marks)
        if rest and not str(one.get("Sid", "")).startswith(SID):
            found.append(rest)
    return found


def take_out(document: Document, marks: Marks, holder: str) -> Taken:
    """Leave us out. If nobody else would be let in by the document, it stays as it is and denies us instead.

    So does a statement that lets us in together with whoever's request does not say who it is.
    """
    pieces = pieces_of(document, marks)
    if not pieces:
        return Taken(document, (), denied=False)
    apart = [piece for piece in pieces if not _lets_in_others_besides(piece)]
    touched = {piece.at for piece in apart}
    rests = [(one if at not in touched else _split(at, one, marks)[0]) for at, one in enumerate(statements(document))]
    left = [one for one in rests if one]
    if apart and any(one.get("Effect") == "Allow" for one in left):
        again = take_out({**document, "Statement": left}, marks, holder)  # a statement may name us as principals of several kinds
        return again._replace(pieces=(*apart, *again.pieces))
    denials = [_deny(piece, f"{_sid(holder)}{number}") for number, piece in enumerate(pieces)]
    return Taken({**document, "Statement": [*statements(document), *denials]}, pieces, denied=True)


def denies_only(statement: Statement, marks: Marks) -> bool:
    """Tell whether a denial can fit nobody but whom the marks name, whatever a request leaves unsaid."""
    named = list(principals(statement))
    if statement.get("Effect") != "Deny" or not named:
        return False
    by_condition = any(
        not operator.lower().endswith(_OR_NOT_SAID) and values and all(marks.name(str(value)) for value in _listed(values))
        for operator, _key, values in _saying_who(statement)
    )
    return by_condition or all(marks.name(value) for _kind, value in named)


def put_back(document: Document, pieces: Sequence[Piece], holder: str) -> Document:
    """Let us in again: our denial goes, and each part comes back into the statement that it was a part of. Twice is fine."""
    found = [one for one in statements(document) if not str(one.get("Sid", "")).startswith(_sid(holder))]
    for piece in _last_first(pieces):
        if any(_holds(one, piece) for one in found):
            continue
        merged = next((at for at, one in enumerate(found) if _fits(one, piece)), None)
        if merged is None:
            found.insert(min(piece.at, len(found)), piece.statement)
        elif piece.path:
            found[merged] = _join(found[merged], piece)
    return {**document, "Statement": found}


def dumped(pieces: Sequence[Piece]) -> str:
    """Write parts as text, for the undo."""
    return json.dumps([list(piece) for piece in pieces], sort_keys=True)


def loaded(text: str) -> tuple[Piece, ...]:
    """Read what `dumped` wrote."""
    return tuple(Piece(at, tuple(path), statement, tuple(order)) for at, path, statement, order in json.loads(text))


def conditions(piece: Piece) -> str:
    """Say in words under which conditions it lets us in."""
    found = piece.statement.get("Condition", {})
    return ", ".join(f"{key} {operator} {value}" for operator, pairs in sorted(found.items()) for key, value in sorted(pairs.items()))


def principals(statement: Statement) -> Iterator[tuple[str, str]]:
    """Give the kind and name of each principal."""
    named = statement.get("Principal", {})
    if isinstance(named, str):
        yield "AWS", named
        return
    for kind, values in named.items():
        yield from ((kind, value) for value in _listed(values))


def _split(at: int, statement: Statement, marks: Marks) -> tuple[Statement | None, Piece | None]:
    """Part one statement into what is not ours and what is; either may be nothing."""
    if statement.get("Effect") != "Allow":
        return statement, None
    named = list(principals(statement))
    for kind in sorted({kind for kind, value in named if marks.name(value)}):
        return _part(at, statement, ("Principal", kind), marks)
    for operator, key, values in _saying_who(statement):
        ours = [marks.name(str(value)) for value in _listed(values)]
        if any(ours) and not (all(ours) and operator.lower().endswith(_OR_NOT_SAID)):
            return _part(at, statement, ("Condition", operator, key), marks)
    return statement, None


def _pieces(at: int, statement: Statement, marks: Marks) -> list[Piece]:
    """Find what of one statement lets us in: the part that is ours, or each condition that we fit as well as whoever says nothing of it."""
    piece = _split(at, statement, marks)[1]
    if piece or statement.get("Effect") != "Allow":
        return [piece] if piece else []
    fitting = ((operator, key, _listed(values)) for operator, key, values in _saying_who(statement))
    return [
        Piece(at, ("Condition", operator, key), statement, tuple(map(str, values)))
        for operator, key, values in fitting
        if values and all(marks.name(str(value)) for value in values)
    ]


def _saying_who(statement: Statement) -> Iterator[tuple[str, str, Json]]:
    """Give the conditions by which a statement may say who, if it names many: operator, key, values."""
    if any(value == "*" or kind in _OPEN for kind, value in principals(statement)):
        for operator, pairs in statement.get("Condition", {}).items():
            if operator.lower().removeprefix("foranyvalue:").removesuffix(_OR_NOT_SAID) in _POSITIVE:
                yield from ((operator, key, values) for key, values in pairs.items())


def _lets_in_others_besides(piece: Piece) -> bool:
    """Tell whether the whole statement stays, since others come in by it whose requests do not say who they are."""
    said = {str(value) for value in _listed(_at(piece.statement, piece.path))} if piece.path[:1] == ("Condition",) else set()
    return bool(said) and piece.path[1].lower().endswith(_OR_NOT_SAID) and said == set(piece.order)


def _part(at: int, statement: Statement, path: tuple[str, ...], marks: Marks) -> tuple[Statement | None, Piece]:
    values = _listed(_at(statement, path))
    ours, theirs = [one for one in values if marks.name(str(one))], [one for one in values if not marks.name(str(one))]
    if theirs:
        return _with(statement, path, theirs), Piece(at, path, _with(statement, path, ours), tuple(map(str, values)))
    kinds = {kind for kind, _value in principals(statement)}
    if path[0] == "Principal" and len(kinds) > 1:  # somebody of another kind stands beside us
        rest = {**statement, "Principal": {kind: value for kind, value in statement["Principal"].items() if kind != path[1]}}
        return rest, Piece(at, path, {**statement, "Principal": {path[1]: ours}})
    return None, Piece(at, (), statement)


def _fits(statement: Statement, piece: Piece) -> bool:
    """Tell whether a statement is the one that a piece was a part of, or is."""
    if not piece.path:
        return bool(canonical(statement) == canonical(piece.statement))
    return bool(canonical(_hollow(statement, piece.path)) == canonical(_hollow(piece.statement, piece.path)))


def _last_first(pieces: Sequence[Piece]) -> list[Piece]:
    """Order the parts of what was gone through several times: the last round first, each from its beginning."""
    rounds = list[list[Piece]]()
    for piece in pieces:
        if not rounds or piece.at <= rounds[-1][-1].at:
            rounds.append([])
        rounds[-1].append(piece)
    return [piece for every in reversed(rounds) for piece in every]


def _holds(statement: Statement, piece: Piece) -> bool:
    """Tell whether a statement says all that a piece says, perhaps of more than us."""
    if piece.path[:1] == ("Condition",):
        values = set(map(str, _listed(_at(piece.statement, piece.path))))
        if not values <= set(map(str, _listed(_at(statement, piece.path) or []))):
            return False
        statement, piece = _hollow(statement, piece.path), piece._replace(statement=_hollow(piece.statement, piece.path))
    alike = canonical(_hollow(statement, ("Principal",))) == canonical(_hollow(piece.statement, ("Principal",)))
    return alike and set(principals(piece.statement)) <= set(principals(statement))


def _hollow(statement: Statement, path: tuple[str, ...]) -> Statement:
    """Empty the list at a path; for principals all of them, since kinds of them come and go."""
    if path[0] == "Principal":
        return {**statement, "Principal": isinstance(statement.get("Principal"), Mapping)}
    return _with(statement, path, []) if _at(statement, path) is not None else statement


def _join(statement: Statement, piece: Piece) -> Statement:
    there, ours = _listed(_at(statement, piece.path) or []), _listed(_at(piece.statement, piece.path))
    place = {value: at for at, value in enumerate(piece.order)}
    joined = [*there, *(one for one in ours if one not in there)]
    return _with(statement, piece.path, sorted(joined, key=lambda one: place.get(str(one), len(place))))


def _deny(piece: Piece, sid: str) -> Statement:
    """Deny what a piece allows. The conditions of a named principal are left out, so that it is denied whatever they are."""
    denial = {**piece.statement, "Sid": sid, "Effect": "Deny"}
    by_name = piece.path[:1] == ("Principal",) or (
        not piece.path and not any(value == "*" or kind in _OPEN for kind, value in principals(piece.statement))
    )
    if by_name:
        return _without(denial, "Condition")
    return _strictly(denial, piece.path) if piece.path[1:] and piece.path[1].lower().endswith(_OR_NOT_SAID) else denial


def _strictly(statement: Statement, path: tuple[str, ...]) -> Statement:
    """Have a condition fit only those whose request says it: otherwise a denial would fit everybody who says nothing."""
    _word, operator, key = path
    found = {name: dict(pairs) for name, pairs in statement["Condition"].items()}
    values = found[operator].pop(key)
    strict = operator[: -len(_OR_NOT_SAID)]
    found[strict] = found.get(strict, {}) | {key: values}
    return {**statement, "Condition": {name: pairs for name, pairs in found.items() if pairs}}


def _sid(holder: str) -> str:
    return f"{SID}{hashlib.sha256(holder.encode()).hexdigest()[:12]}"


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _at(statement: Statement, path: tuple[str, ...]) -> Json:
    found: Any = statement
    for step in path:
        if isinstance(found, str):  # a principal written as "*" alone
            return found
        found = found.get(step) if found else None
    return found


def _with(statement: Statement, path: tuple[str, ...], values: list[Any]) -> Statement:
    below = statement.get(path[0])
    if len(path) == 1 or isinstance(below, str):
        return {**statement, path[0]: values}
    return {**statement, path[0]: _with(dict(below or {}), path[1:], values)}


def _without(statement: Statement, key: str) -> Statement:
    return {name: value for name, value in statement.items() if name != key}


def _whole(document: Document) -> Json:
    return canonical({**document, "Statement": statements(document)})
