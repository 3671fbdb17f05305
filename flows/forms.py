"""What the run forms in the Prefect UI ask for."""

from enum import StrEnum

from pydantic import BaseModel, Field

from configs.engagement_file import slugs
from configs.settings import Settings
from core.evidence.redaction import Audience

# Made when the deployments are registered, so that the form shows a drop-down; `offboard deploy` renews it.
EngagementName = StrEnum(  # type: ignore[misc] # its members are known only at run time
    "EngagementName", {slug: slug for slug in slugs(Settings.from_environment()) or ("no-engagement-file-yet",)}
)


class ExitForm(BaseModel):
    """Which client exit to walk."""

    engagement: EngagementName = Field(title="Engagement", description="The client whose exit is walked: one engagement file each.")
    draw_new_plan: bool = Field(
        default=False,
        title="Draw a new plan",
        description="Look at every system again and draw a new plan. Signatures for the plan in force then no longer count.",
    )


class EngagementForm(BaseModel):
    """Which client exit."""

    engagement: EngagementName = Field(title="Engagement", description="The client whose exit it is.")


class ReviewForm(BaseModel):
    """Whose audit trail is reviewed, and for whom."""

    engagement: EngagementName = Field(title="Engagement", description="The client whose exit it is.")
    audience: Audience = Field(
        default=Audience.CLIENT,
        title="For whom",
        description="The client gets everything. The successor, if the client elected it, and others get a part; the rest is withheld.",
    )
    recipients: list[str] = Field(
        default_factory=list,
        title="For somebody else: whose keys",
        description="Their public keys, age1… or ssh-ed25519 …, one each. Client's and successor's are in the engagement file.",
        max_length=20,
    )
