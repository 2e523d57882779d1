//! Placeholder, replaced in the commit that builds this room.
