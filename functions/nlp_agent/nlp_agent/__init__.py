"""The nlp agent: feedback in, sentiment, topics and a summary out; nothing leaves without consent."""
