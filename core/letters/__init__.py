"""What is said in writing: plain, specific and friendly, and read through before it leaves."""

from core.letters.review import BLAME, review_letter
from core.letters.write import Letter, render

__all__ = ["BLAME", "Letter", "render", "review_letter"]
