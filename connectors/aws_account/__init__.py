"""An AWS account: the users, roles, policies and contacts by which we come in, and how each is given up so that it can be put back."""

from connectors.aws_account.account import AwsAccount

__all__ = ["AwsAccount"]
