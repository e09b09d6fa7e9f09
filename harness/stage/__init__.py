"""Where time passes and messages travel: what runs a world and hands its records on."""
