"""Where policies come from: pretrained here (`mini`), fetched from the hub (`hub`), loaded."""
