"""What the run forms ask for that take in what people signed. Nothing in them is secret."""

from pydantic import Field

from core.anchors.cosignature import LONGEST_SIGNATURE
from core.drafts import Draft
from core.signatures.statements import LONGEST_TEXT
from flows.forms import EngagementForm


class DraftForm(Draft, EngagementForm):
    """What is to be stated, by whom, about which exit."""


class RecordForm(EngagementForm):
    """A signed statement, pasted whole."""

    text: str = Field(
        title="The text",
        description="All of it, from its first line `offboard-…/v1` to its last, as it was signed.",
        max_length=LONGEST_TEXT,
    )
    signature: str = Field(
        title="The signature",
        description="All of the .sig file, from -----BEGIN SSH SIGNATURE----- to -----END SSH SIGNATURE-----.",
        max_length=LONGEST_TEXT,
    )


class CosignatureForm(EngagementForm):
    """A signature over a checkpoint, pasted whole."""

    signature: str = Field(
        title="The signature",
        description="All of checkpoint.sig, from -----BEGIN SSH SIGNATURE----- to -----END SSH SIGNATURE-----. The checkpoint is known.",
        max_length=LONGEST_SIGNATURE,
    )
