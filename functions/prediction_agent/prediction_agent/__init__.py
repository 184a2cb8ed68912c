"""The prediction agent: features and sentiment in, churn probability and its drivers out."""
