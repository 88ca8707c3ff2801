"""Where assets come from: captioned picture collections now, video search and download to come."""
