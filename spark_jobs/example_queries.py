"""Ten questions of analysts, as `plant sql` takes them; docs/tables.md shows them and a test runs each on planted rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A question and the statement that answers it."""

    question: str
    statement: str


EXAMPLES = (
    Example(
        "How many plays a day, by how many listeners, and how much of it is simulated?",
        """
select started_date, count(*) as plays, count(distinct user_id) as listeners, avg(simulated::int) as simulated_share
from listens group by started_date order by started_date
""",
    ),
    Example(
        "Which tracks did most listeners play in the newest seven days of the log?",
        """
select t.title, a.name as artist, count(distinct l.user_id) as listeners, count(*) as plays
from listens l join tracks t using (track_id) left join artists a on a.artist_id = t.artist_ids[1]
where l.started_date > (select max(started_date) from listens) - 7
group by t.track_id, t.title, a.name order by listeners desc, t.track_id limit 20
""",
    ),
    Example(
        "How long are sessions, and how much is skipped, per device?",
        """
select device, count(*) as sessions, avg(listens) as tracks, avg(ms_played) / 60000 as minutes,
  sum(skips) / sum(listens) as skip_share
from sessions group by device order by sessions desc, device
""",
    ),
    Example(
        "What was refused at intake, and why?",
        """
select job, entity, reason, count(*) as rows, min(path) as example
from quarantine group by all order by rows desc, reason
""",
    ),
    Example(
        "One listener's newest list, track by track.",
        """
select p.run_date, u.track.position, u.track.title, u.track.artists[1] as artist, u.track.reason, u.track.source
from playlists p, unnest(p.tracks) as u(track)
where p.surface = 'discover_weekly' and p.user_id = (select min(user_id) from playlists)
  and p.run_date = (select max(run_date) from playlists)
order by u.track.position
""",
    ),
    Example(
        "Which artists fill this week's lists, and how concentrated are they?",
        """
select u.track.artists[1] as artist, count(*) as slots, count(distinct p.user_id) as listeners,
  count(*) / sum(count(*)) over () as share
from playlists p, unnest(p.tracks) as u(track)
where p.run_date = (select max(run_date) from playlists)
group by u.track.artist_ids[1], artist order by slots desc, u.track.artist_ids[1] limit 20
""",
    ),
    Example(
        "How many of the shown tracks were played within seven days? Only generations that went on air count.",
        """
with shown as (
  select distinct e.run_date, e.user_id, unnest(e.track_ids) as track_id
  from exposures e
  where exists (select 1 from publications p where p.generation = e.generation and p.action = 'flip')
)
select s.run_date, count(*) as shown, count(h.track_id) as played, count(h.track_id) / count(*) as share
from shown s left join (select distinct user_id, track_id, started_date from listens) h
  on h.user_id = s.user_id and h.track_id = s.track_id and h.started_date between s.run_date and s.run_date + 6
group by s.run_date order by s.run_date
""",
    ),
    Example(
        "How good were the lists, week by week, against decayed popularity?",
        """
select run_date, cut, model, metric, value, low, high, listeners, simulated
from metrics where metric like 'ndcg%' order by run_date, metric, value desc, model
""",
    ),
    Example(
        "What does each store serve, and since when?",
        """
select p.surface, p.store, p.generation, p.run_date, p.action, p.records, p.at as since
from publications p qualify row_number() over (partition by p.surface, p.store order by p.epoch desc, p.at desc) = 1
order by p.surface, p.store
""",
    ),
    Example(
        "Which jobs failed, and how long do the others take?",
        """
select job, count(*) filter (where state = 'done') as done, count(*) filter (where state in ('failed', 'refused')) as red,
  median(seconds) filter (where state = 'done') as median_seconds, map_values(max_by(runs.rows, runs.at)) as rows_of_the_last
from runs where state <> 'started' group by job order by job
""",
    ),
)
