"""CloudWatch Logs of the LocalStack that this process is, without its API: a PutLogEvents through it costs 3 ms of CPU,
however small, and a run's functions write some thousands.
"""

from typing import Any

from localstack.services.logs.models import get_moto_logs_backend

from vigie_localstack.executor.log_delivery import LogsClient


class DirectLogs:
    """Put events where LocalStack keeps them. Where more is to be done with them, a metric filter or a subscription,
    or something is missing, its API is asked as by anybody.
    """

    def __init__(self, account: str, region: str, api: LogsClient) -> None:
        self._account = account
        self._region = region
        self._api = api

    def put_log_events(self, **request: Any) -> object:
        """As boto3's; the events of one stream, in order of time."""
        backend = get_moto_logs_backend(self._account, self._region)
        group = backend.groups.get(request["logGroupName"])
        plain = group and request["logStreamName"] in group.streams and not group.subscription_filters
        if not plain or backend.filters.metric_filters:
            return self._api.put_log_events(**request)
        return backend.put_log_events(request["logGroupName"], request["logStreamName"], request["logEvents"])

    def create_log_group(self, **request: Any) -> object:
        """As boto3's."""
        return self._api.create_log_group(**request)

    def create_log_stream(self, **request: Any) -> object:
        """As boto3's."""
        return self._api.create_log_stream(**request)
