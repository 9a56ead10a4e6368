"""Makes the verdict of a stored decision again, from its numbers alone; needs nothing but this file."""

GRAVE = ["tripped", "blocked", "paused", "degraded", "alerted", "allowed"]


def verdict(d, final=None):
    if any(rule.get("effect") == "deny" for rule in d.get("rules", [])):
        return "denied"
    if d.get("outcome", {}).get("served_from") == "cache":
        return "cached"
    final, words = (d.get("first_try") is not None) if final is None else final, ["allowed"]
    for b in d["budgets"]:
        if b["enforced"] and b["unit"] != "requests":
            blocks = b.get("unknown_price", d["unknown_price"]) == "block"
            unpriced = d["bound"]["price"] == "unknown" and b["unit"] == "usd"
            endless = d["bound"]["unbounded"] and (b["unit"] == "tokens" or d["bound"]["price"] != "covered")
            if (blocks and (unpriced or endless)) or (b.get("strict") and not d["bound"]["capped"]):
                return "blocked"
    for b in d["budgets"]:
        if d["counters"]["state"] != "ok":
            words.append("blocked" if b["enforced"] and b.get("fail") != "open" else "allowed")
        elif not b["enforced"]:
            words.append("alerted" if b["posted"] + b["reserved"] + b["asked"] > b["limit"] else "allowed")
        elif b["asked"] > max(0, b["limit"] - b["posted"] - b["reserved"]) or b.get("tripped_until", 0) > d["at"]:
            same = b.get("degrade_to", "").lower() == d["model"].lower()
            said = "blocked" if b["action"] == "degrade" and (final or same) else b["action"]
            said = {"block": "blocked", "pause": "paused", "degrade": "degraded"}.get(said, said)
            words.append("tripped" if b.get("trip_seconds") else said)
    gravest = min(words, key=GRAVE.index)
    return "degraded" if final and gravest in ("alerted", "allowed") else gravest
