"""Who a bearer token belongs to. One place for every route, and no word on why a token is refused."""

from tallystick.operations.context import Context, now_us
from tallystick.operations.instance import read_cli_token
from tallystick.org import store
from tallystick.org.hash import LOCAL_PREFIX, TOKEN_PREFIX, hash_secret, same_secret
from tallystick.org.model import ApiToken, Principal

LONGEST_SECRET = 256


def authenticate(context: Context, secret: str) -> Principal | None:
    """The principal of a token; None when it is unknown, revoked, expired or not a token at all."""
    if len(secret) > LONGEST_SECRET:
        return None
    if secret.startswith(LOCAL_PREFIX):
        return _local(context, secret)
    if not secret.startswith(TOKEN_PREFIX):
        return None
    token = store.find_token(context.config_db, hash_secret(secret))
    if token is None or not same_secret(token.secret_hash, hash_secret(secret)) or not _good(token):
        return None
    return Principal(token.name or token.token_id, token.role, token.teams)


def _local(context: Context, secret: str) -> Principal | None:
    kept = read_cli_token(context.data_dir)
    if not kept or not same_secret(hash_secret(kept), hash_secret(secret)):
        return None
    return Principal("command line", "admin", local=True)


def _good(token: ApiToken) -> bool:
    if token.revoked_at is not None:
        return False
    return token.expires_at is None or token.expires_at > now_us()
