"""Hold what would be done today against what was signed: the engagement file and the systems may have moved on.

Contents may change, and do; what is exported or handed over, and from where, may not.
"""

from core.errors import HeldError
from core.exit import Exit
from core.model import ExitPlan


def require_datasets_as_signed(exit_: Exit, plan: ExitPlan) -> None:
    """See that the datasets are those of the signed plan. Raises HeldError naming each difference."""
    found = (source.dataset() for source in exit_.systems.data_sources)
    _require_same(
        "dataset",
        {f"{one.source}: {', '.join(one.selectors)}" for one in plan.datasets},
        {f"{one.source}: {', '.join(one.selectors)}" for one in found},
    )


def require_package_as_signed(exit_: Exit, plan: ExitPlan) -> None:
    """See that credentials, with their owners, and documents are those of the signed plan. Raises HeldError naming each difference."""
    systems = exit_.systems
    _require_same(
        "credential",
        {f"{one.source}: {one.title} ({one.owner})" for one in plan.credentials},
        {f"{one.source}: {one.title} ({one.owner})" for source in systems.credential_sources for one in source.credentials()},
    )
    _require_same(
        "document",
        set(plan.documents),
        {f"{one.source}: {one.path}" for source in systems.document_sources for one in source.documents()},
    )


def _require_same(what: str, signed: set[str], found: set[str]) -> None:
    differences = [f"{what} {one} is not in the plan" for one in sorted(found - signed)]
    differences += [f"{what} {one} is gone" for one in sorted(signed - found)]
    if differences:
        raise HeldError(
            f"this differs from the signed plan: {'; '.join(differences)}",
            untouched="everything; nothing was exported or packed from it",
            todo="put it back as it was signed, or start client-exit with `Draw a new plan` and have that one signed",
        )
