"""The combinations calls are drawn from, and how much each is used on a given day."""

from datetime import date

from tallystick.demo.company import (
    FEATURES,
    LAUNCHED_FEATURE,
    MODELS,
    SWITCH_FROM,
    SWITCH_TO,
    SWITCHED_FEATURE,
    UNOWNED,
    UNPRICED_FEATURE,
)
from tallystick.demo.model import Feature, Profile
from tallystick.demo.rhythm import Story

_MAIN_SHARE = 0.74
_OUTSIDE_PRODUCTION = (("staging", 0.08), ("development", 0.05))
_UNPRICED_SHARE = 0.9


def all_profiles() -> list[Profile]:
    """Every combination, in an order that never changes; the unowned ones come last."""
    found = []
    for feature in (*FEATURES, UNOWNED):
        found += _of_feature(feature)
    return found


def _of_feature(feature: Feature) -> list[Profile]:
    stream = feature.shape == "chat"
    shares = (_MAIN_SHARE, 1 - _MAIN_SHARE) if len(feature.models) == 2 else (1.0,)
    found = [
        Profile(feature, MODELS[name], "production", feature.weight * share, stream)
        for name, share in zip(feature.models, shares, strict=True)
    ]
    if feature.team:
        found += [
            Profile(feature, MODELS[feature.models[0]], environment, feature.weight * share, False)
            for environment, share in _OUTSIDE_PRODUCTION
        ]
    if feature.name == SWITCHED_FEATURE:
        weight = feature.weight * _MAIN_SHARE
        found.append(Profile(feature, MODELS[SWITCH_TO], "production", weight, stream, replaces=MODELS[SWITCH_FROM]))
    if feature.name == UNPRICED_FEATURE:
        found.append(Profile(feature, MODELS["saga"], "production", feature.weight * _UNPRICED_SHARE, stream))
    return found


def weight_on(profile: Profile, day: date, story: Story) -> float:
    """How much a profile is used on a day, relative to the others."""
    name = profile.feature.name
    if name == LAUNCHED_FEATURE:
        return profile.weight * story.launch_ramp(day)
    if name == SWITCHED_FEATURE and profile.environment == "production":
        switched = day >= story.switch_day
        if profile.replaces is not None:
            return profile.weight if switched else 0.0
        if profile.model == MODELS[SWITCH_FROM]:
            return 0.0 if switched else profile.weight
    if profile.model == MODELS["saga"]:
        return profile.weight if day >= story.unpriced_day else 0.0
    return profile.weight
