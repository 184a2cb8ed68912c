"""The local cloud: starts, deploys to, watches and stops Vigie on one machine, without Docker."""
