"""Hand over the client's credentials and documents, and tell the recipient."""

from collections.abc import Iterator

from core.actions import judge, perform, redo
from core.counting import counted
from core.exit import Exit
from core.handover.credentials import divide
from core.handover.delivery import PASSPHRASE, deliver, read_back, stage, staged_facts, staged_passphrase
from core.handover.package import PACKAGE, PackageRequest, build_package
from core.handover.receipt import derive_code, derive_salt
from core.handover.vault import VaultEntry
from core.letters import Letter
from core.letters.subjects import package_notice, package_passphrase
from core.model import Action, Assurance, Credential, EntryKind, ExitPlan, Obligation, Receipt, Verdict
from core.offers import parties
from core.steps.as_signed import require_package_as_signed
from core.steps.tell import KEYS_FILE, keys, send, send_with_checkpoint, write


def hand_over(exit_: Exit, plan: ExitPlan) -> Receipt:
    """Pack the client's credentials and the documents, encrypted to the plan's recipients, and put the package in its place."""
    subject = plan.package_subject
    if exit_.last(EntryKind.RECEIPT, action=Action.HAND_OVER, subject=subject) is None:
        require_package_as_signed(exit_, plan)
    folder = exit_.folder / subject.replace(" ", "-")

    def act() -> Receipt:
        if staged_facts(folder) is None:
            stage(build_package(_request(exit_, plan, subject)), folder)
        deliver(folder, exit_.systems.handover_store)
        facts = staged_facts(folder) or {}
        passphrase = exit_.ledger.put_document(staged_passphrase(folder), "application/age-encryption")
        sections = facts["sections"].values()
        filled = sum(isinstance(one, int) for one in sections)
        done = f"{counted(facts['credentials'], 'credential')}, {filled} of {len(sections)} sections filled"
        return Receipt(done=done, facts={**facts, "vault-passphrase": passphrase, "where": exit_.systems.handover_store.where()})

    receipt = perform(exit_, Action.HAND_OVER, subject, intent={"package": PACKAGE}, act=act, find_out=redo)
    if exit_.last(EntryKind.VERDICT, action=Action.HAND_OVER, subject=subject) is None:
        size = read_back(exit_.systems.handover_store, str(receipt.facts["package_sha256"]))
        evidence = f"read back: {counted(size, 'byte')} of ciphertext have the sum in handover.json"
        judge(exit_, Action.HAND_OVER, subject, Verdict(assurance=Assurance.OBSERVED, evidence=evidence))
    return receipt


def announce(exit_: Exit, plan: ExitPlan, package: Receipt) -> None:
    """Tell each recipient of the plan, and nobody else, where archive and package are; then, in a message of its own, the passphrase."""
    digest = str(package.facts["package_sha256"])
    where = f"{exit_.systems.handover_store.where()}\nThe data archive: {exit_.systems.archive_store.where()}"
    names = [f"{one['party']}: {one['key']}" for one in package.facts["recipients"]]
    attached = {PASSPHRASE: exit_.ledger.document(package.facts["vault-passphrase"])}
    for party in parties(plan):
        notice = write(exit_, plan, Letter.SUCCESSOR_NOTICE, where=where, package_sha256=digest, keys=names, keys_file=KEYS_FILE)
        send_with_checkpoint(exit_, plan, package_notice(digest, party), party, notice, why="handed over", attachments=keys(exit_))
        letter = write(exit_, plan, Letter.PASSPHRASE, package_sha256=digest, attachment=PASSPHRASE)
        send(exit_, plan, package_passphrase(digest, party), (plan.addresses[party],), *letter, attachments=attached)


def _request(exit_: Exit, plan: ExitPlan, scope: str) -> PackageRequest:
    packed, withheld = divide(plan.credentials)
    return PackageRequest(
        engagement=exit_.engagement,
        made_at=exit_.now(),
        entries=[_entry(exit_, credential) for credential in packed],
        withheld=withheld,
        documents=_documents(exit_),
        texts={"00-control/systems.md": _systems(plan), "14-money/obligations.md": _obligations(plan.obligations)},
        recipients=plan.recipients,
        code=derive_code(exit_.receipt_secret, "package", scope),
        salt=derive_salt(exit_.receipt_secret, "package", scope),
        archive=_archive_facts(exit_, plan),
    )


def _entry(exit_: Exit, credential: Credential) -> VaultEntry:
    source = next(one for one in exit_.systems.credential_sources if one.name == credential.source)  # require_package_as_signed saw it
    return VaultEntry.of(credential, source.reveal(credential.reference))


def _documents(exit_: Exit) -> Iterator[tuple[str, bytes]]:
    for source in exit_.systems.document_sources:
        for document in source.documents():
            yield document.path, source.read(document)


def _archive_facts(exit_: Exit, plan: ExitPlan) -> dict[str, object]:
    receipt = exit_.last(EntryKind.RECEIPT, action=Action.EXPORT, subject=plan.archive_subject)
    facts = receipt.data["facts"] if receipt else {}
    return {key: facts[key] for key in ("name", "volumes", "files", "bytes", "manifest_sha256") if key in facts}


def _systems(plan: ExitPlan) -> str:
    lines = [f"| {grant.system} | {grant.privilege} | {grant.holder} |" for grant in plan.grants]
    return "\n".join(
        [
            "# Systems we had access to",
            "",
            "Our access ends at the cutoff.",
            "",
            "| system | privilege | held by |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def _obligations(obligations: tuple[Obligation, ...]) -> str:
    lines = [f"| {one.id} | {one.owed_by} | {one.what} | {one.due or ''} |" for one in obligations]
    return "\n".join(["# Obligations when the plan was drawn", "", "| id | owed by | what | due |", "|---|---|---|---|", *lines, ""])
