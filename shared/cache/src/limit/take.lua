-- KEYS[1]: a bucket. ARGV: the room that there must be, how much fits, the cost; in microseconds.
-- Returns whether there was room, and how far the bucket is ahead of the clock then.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full_until = tonumber(redis.call('GET', KEYS[1])) or 0
local ahead = math.max(full_until - now, 0)
local allowed = ahead + tonumber(ARGV[1]) <= tonumber(ARGV[2])
local cost = tonumber(ARGV[3])
if allowed and cost > 0 then
  ahead = ahead + cost
  redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'PX', math.ceil(ahead / 1000))
end
return {allowed and 1 or 0, ahead}
