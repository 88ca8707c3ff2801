"""The YouTube Data API v3: searches and details within a daily quota, and faults told apart.

Google's client library is imported when a connection is made: it takes half a second.
"""

from __future__ import annotations

import logging
import random
import re
import time
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from seldsynth.errors import CollectError, ConfigError, MediaError
from seldsynth.files import written_whole

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from googleapiclient.errors import HttpError

SEARCH, OTHER = "search", "other"

# https://developers.google.com/youtube/v3/determine_quota_cost, as of 2026: search.list has a
# budget of its own. Older pages say 100 units a search out of 10,000, which is as many searches.
QUOTA_COSTS: Mapping[str, tuple[str, int]] = {"search.list": (SEARCH, 1), "videos.list": (OTHER, 1)}
DAILY_QUOTA: Mapping[str, int] = {SEARCH: 100, OTHER: 10_000}

PAGE_LENGTH = 50
"""As many results as one request can bring."""

_SCOPE = "https://www.googleapis.com/auth/youtube.readonly"
_TIMEOUT_S = 30
_LOGIN_S = 300
_RETRIES = 4
_LONGEST_WAIT_S = 60
_DAILY_REASONS = {"quotaExceeded", "dailyLimitExceeded"}
_BRIEF_REASONS = {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"}
_KEY_REASONS = {"keyInvalid", "API_KEY_INVALID", "keyExpired"}
_CONSOLE = "https://console.cloud.google.com/apis/library/youtube.googleapis.com"

_log = logging.getLogger(__name__)


class QuotaError(CollectError):
    """Today's quota is used up; tomorrow's run can go on."""


class PageTokenError(CollectError):
    """The service no longer knows the page that a search stopped at."""


@dataclass
class Quota:
    """What was used of each budget, on a day as YouTube counts them."""

    used: dict[str, int]
    day: str
    limits: Mapping[str, int]

    @classmethod
    def today(cls, limits: Mapping[str, int]) -> Quota:
        """A fresh one."""
        return cls(used=dict.fromkeys(limits, 0), day=_pacific_day(), limits=limits)

    def refund(self, method: str) -> None:
        """Take a request back that reached nobody."""
        bucket, cost = QUOTA_COSTS[method]
        self.used[bucket] -= cost

    def spend(self, method: str) -> None:
        """Count a request. Raises QuotaError, and counts nothing, if the budget has no room."""
        today = _pacific_day()
        if today != self.day:
            self.day, self.used = today, dict.fromkeys(self.limits, 0)
        bucket, cost = QUOTA_COSTS[method]
        if self.used[bucket] + cost > self.limits[bucket]:
            raise QuotaError(
                f"the budget of {self.limits[bucket]} {bucket} requests a day is used up; "
                f"{when_renewed()} run again with --resume"
            )
        self.used[bucket] += cost


def when_renewed() -> str:
    """When YouTube counts from 0 again."""
    now = _pacific_now()
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    minutes = int((midnight - now).total_seconds() // 60) + 1
    return f"in {minutes // 60}:{minutes % 60:02d} h (midnight Pacific time)"


class YouTube:
    """Requests to the YouTube Data API: a context manager. quota: counted as they are made."""

    def __init__(
        self, credentials: Credentials, quota: Quota, *, api_endpoint: str | None = None
    ) -> None:
        import httplib2
        from google_auth_httplib2 import AuthorizedHttp
        from googleapiclient.discovery import build

        # Its warnings are said here, in a line; its own hold whole requests.
        logging.getLogger("googleapiclient").setLevel(logging.CRITICAL)
        logging.getLogger("google_auth_httplib2").setLevel(logging.CRITICAL)
        self.quota = quota
        self._http = httplib2.Http(timeout=_TIMEOUT_S)
        self._service = build(
            "youtube",
            "v3",
            http=AuthorizedHttp(credentials, http=self._http),
            client_options={"api_endpoint": api_endpoint} if api_endpoint else None,
            static_discovery=True,
        )

    def __enter__(self) -> YouTube:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()

    def search(self, term: str, *, page: str | None, **wishes: str) -> dict[str, Any]:
        """One page of search results. wishes: further parameters of search.list.

        Raises QuotaError, PageTokenError, CollectError, or ConfigError for a key that is refused.
        """
        parameters = {"q": term, "part": "snippet", "type": "video", "maxResults": PAGE_LENGTH}
        if page is not None:
            parameters["pageToken"] = page
        request = self._service.search().list(**parameters, **wishes)
        return self._execute("search.list", request)

    def videos(self, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Details of videos, 50 to a request; of those that are gone there are none.

        Raises QuotaError, CollectError, or ConfigError for a key that is refused.
        """
        for start in range(0, len(ids), PAGE_LENGTH):
            chunk = ids[start : start + PAGE_LENGTH]
            request = self._service.videos().list(
                id=",".join(chunk), part="snippet,contentDetails,status", maxResults=PAGE_LENGTH
            )
            yield from self._execute("videos.list", request).get("items", [])

    def _execute(self, method: str, request: Any) -> dict[str, Any]:
        """The answer to a request; what may pass is tried again, with growing pauses."""
        import httplib2
        from google.auth.exceptions import GoogleAuthError
        from googleapiclient.errors import HttpError

        for attempt in range(_RETRIES + 1):
            self.quota.spend(method)
            pause_s = min(2**attempt + random.random(), _LONGEST_WAIT_S)
            try:
                answer = request.execute()
                if not isinstance(answer, dict):
                    raise ValueError("the answer is not what the API gives")
                return answer
            except HttpError as error:
                fault = _fault(error)
                if not isinstance(fault, _PassingError):
                    raise fault from None
                wish = error.resp.get("retry-after", "")
                pause_s = min(int(wish), _LONGEST_WAIT_S) if wish.isdecimal() else pause_s
                reason = str(fault)
            except GoogleAuthError as error:
                raise ConfigError(f"YouTube does not accept the login: {error}") from None
            except (ConnectionRefusedError, httplib2.ServerNotFoundError) as error:
                self.quota.refund(method)
                reason = f"cannot be reached: {error}"
            except (OSError, HTTPException, httplib2.HttpLib2Error, ValueError) as error:
                reason = f"cannot be reached: {str(error) or type(error).__name__}"
            if attempt < _RETRIES:
                _log.info("YouTube %s; trying again in %.0f s", reason, pause_s)
                time.sleep(pause_s)
        raise CollectError(f"YouTube {reason}; {_RETRIES + 1} attempts; later, --resume goes on")


class _PassingError(CollectError):
    """A fault that may pass."""


def _fault(error: HttpError) -> CollectError | ConfigError:
    """What an HTTP error means, and what to do."""
    status, said = error.resp.status, _one_line(error.reason)
    reasons = set(_reasons(error.error_details))
    if status == 400 and "invalidPageToken" in reasons:
        return PageTokenError(said)
    if reasons & _KEY_REASONS or (status == 400 and "API key" in said):
        return ConfigError(f"the API key is refused ({said}); check --api_key or YOUTUBE_API_KEY")
    if reasons & _DAILY_REASONS or (status == 429 and "per day" in said):
        return QuotaError(
            f"YouTube says that today's quota is used up; {when_renewed()} run again with --resume"
        )
    if status >= 500:
        return _PassingError(f"has a fault of its own ({status})")
    if status == 429 or reasons & _BRIEF_REASONS:
        return _PassingError(f"is asked too fast ({status})")
    if status == 403 and reasons & {"accessNotConfigured", "SERVICE_DISABLED"}:
        return ConfigError(f"the YouTube Data API is not enabled for this project: {_CONSOLE}")
    if status in (401, 403):
        hint = "check the restrictions of the key, or log in anew"
        return ConfigError(f"YouTube refuses access ({status}: {said}); {hint}")
    return CollectError(f"YouTube refuses the request ({status}: {said})")


def _reasons(details: object) -> Iterator[str]:
    """Every reason that an error gives; it has had several forms over the years."""
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and isinstance(detail.get("reason"), str):
            yield detail["reason"]


def _one_line(text: str) -> str:
    """Without HTML, and short."""
    plain = " ".join(re.sub(r"<[^>]*>", "", text).split())
    return plain if len(plain) <= 200 else f"{plain[:199]}…"


def key_credentials(key: str) -> Credentials:
    """An API key, sent in a header: so it is in no address, and no address's log.

    Raises ConfigError for what cannot be a key.
    """
    if not re.fullmatch(r"[!-~]+", key):
        raise ConfigError("the API key holds blanks or unusual characters; copy it once more")
    from google.auth.api_key import Credentials as KeyCredentials

    credentials: Credentials = KeyCredentials(key)
    return credentials


def oauth_credentials(client_secret: Path) -> Credentials:
    """Log in by the browser; the login is kept in a file beside client_secret, for its owner alone.

    Raises ConfigError for a file that is no client secret, or a login that is refused.
    """
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2.credentials import Credentials as UserCredentials
    from google_auth_oauthlib.flow import InstalledAppFlow
    from oauthlib.oauth2 import OAuth2Error
    from requests import RequestException

    kept = client_secret.with_name(f"{client_secret.stem}.token.json")
    credentials: Any = None
    if kept.is_file():
        try:
            credentials = UserCredentials.from_authorized_user_file(str(kept), [_SCOPE])
            if not credentials.valid:
                credentials.refresh(Request())
        except (ValueError, KeyError, OSError, GoogleAuthError):
            credentials = None  # too old, or not ours: log in anew
    if credentials is None:
        try:
            flow = InstalledAppFlow.from_client_secrets_file(str(client_secret), [_SCOPE])
            credentials = flow.run_local_server(port=0, timeout_seconds=_LOGIN_S)
        except FileNotFoundError:
            raise ConfigError(
                f"{client_secret}: no such file; give --api_key, set YOUTUBE_API_KEY, or download "
                "an OAuth client secret (desktop app) from the Google Cloud console"
            ) from None
        except (ValueError, KeyError, OSError) as error:
            raise ConfigError(f"{client_secret}: no OAuth client secret: {error}") from None
        except webbrowser.Error:
            raise ConfigError(
                "no browser to log in with; log in on another machine and bring the "
                f"{kept.name} that it leaves, or give --api_key"
            ) from None
        except (OAuth2Error, GoogleAuthError, RequestException) as error:
            raise ConfigError(f"the login was refused: {error}") from None
        except (AttributeError, TimeoutError):  # how the library says that nobody answered
            raise ConfigError(f"nobody logged in within {_LOGIN_S // 60} minutes") from None
    _keep(kept, credentials.to_json())
    login: Credentials = credentials
    return login


def _keep(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    try:
        with written_whole(path) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text(text, encoding="utf-8")
    except MediaError as error:
        _log.warning("the login cannot be kept: %s", error)


def _pacific_now() -> datetime:
    return datetime.now(ZoneInfo("America/Los_Angeles"))


def _pacific_day() -> str:
    return _pacific_now().date().isoformat()
