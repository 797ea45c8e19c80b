"""What the API itself keeps: how much of its allowance each caller has used."""

from __future__ import annotations

from django.db import models


class Allowance(models.Model):
    """A caller's allowance of one kind of call: used up until `used_until`, in every web process alike."""

    key = models.CharField(primary_key=True, max_length=80)
    used_until = models.DateTimeField()
