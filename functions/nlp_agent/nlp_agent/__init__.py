"""The nlp agent: feedback in, sentiment, topics and causes out; nothing leaves without consent."""
