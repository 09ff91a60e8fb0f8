"""Pretrains policies (`mini`), fetches them from the hub (`hub`), and loads them (`loading`)."""
