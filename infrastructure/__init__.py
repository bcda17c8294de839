"""With what: the event store, the views, the node library and whatever else touches the world."""
