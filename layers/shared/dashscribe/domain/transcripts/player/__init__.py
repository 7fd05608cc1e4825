"""The sources of the player page: an HTML skeleton, style sheets and ES modules. `player_page` puts them together."""
