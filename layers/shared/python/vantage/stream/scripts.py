"""What must be one step for Redis, as Lua; each works on Redis 7.0 and Valkey alike."""

_LESS = """local function less(a, b)  -- of two ids
  local am, as = string.match(a, '(%d+)-(%d+)')
  local bm, bs = string.match(b, '(%d+)-(%d+)')
  if #am ~= #bm then return #am < #bm end
  if am ~= bm then return am < bm end
  if #as ~= #bs then return #as < #bs end
  return as < bs
end"""

READ_DUE = """
-- Give a consumer what is due, and say what comes next, in one trip.
-- KEYS: stream. ARGV: group, consumer, region, now ms, due until ms, how many that count, how many at most,
-- expiry's least and most s. An entry counts if it is for this region and not too late to probe: what does not count
-- holds no slot of the worker. Returns {entries, id of the first unread entry or false}.
local key, group, region = KEYS[1], ARGV[1], ARGV[3]
local now, want, most = tonumber(ARGV[4]), tonumber(ARGV[6]), tonumber(ARGV[7])
local least_s, most_s = tonumber(ARGV[8]), tonumber(ARGV[9])
local last = nil
if redis.call('EXISTS', key) == 1 then
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    local named = {}
    for i = 1, #info, 2 do named[info[i]] = info[i + 1] end
    if named['name'] == group then last = named['last-delivered-id'] end
  end
end
if not last then return redis.error_reply('NOGROUP no group ' .. group) end
local function counts(entry)
  local at = tonumber(string.match(entry[1], '^(%d+)'))
  local regions, interval, extra = string.match(entry[2][2] or '', '^%d+;([^;]*);(%d+);(x?);')
  if not regions then return true end
  if not string.find(',' .. regions .. ',', ',' .. region .. ',', 1, true) then return false end
  local expiry = tonumber(interval)
  if extra == 'x' then expiry = least_s
  elseif expiry >= 60 then expiry = math.min(math.max(expiry, least_s), most_s) end
  return now - at <= expiry * 1000
end
local seen, counted, from, open = 0, 0, '(' .. last, true
while open and seen < most and counted < want do
  local last_due = ARGV[5] .. '-18446744073709551615'
  local chunk = redis.call('XRANGE', key, from, last_due, 'COUNT', math.min(most - seen, want))
  open = #chunk > 0
  for _, entry in ipairs(chunk) do
    if counted >= want then break end
    seen = seen + 1
    if counts(entry) then counted = counted + 1 end
    from = '(' .. entry[1]
  end
end
local entries = {}
if seen > 0 then
  local reply = redis.call('XREADGROUP', 'GROUP', group, ARGV[2], 'COUNT', seen, 'STREAMS', key, '>')
  if reply then entries = reply[1][2] end
end
local next = redis.call('XRANGE', key, from, '+', 'COUNT', 1)
return {entries, next[1] and next[1][1] or false}
"""

TRIM = """
-- Trim behind the slowest group; what is older than the floor goes in any case, unless its tick's books are open.
-- KEYS: stream. ARGV: keep-from id (the first open tick's), floor id, groups that must exist.
-- Returns {entries removed, 1 where something older than the floor stays because of an open tick}.
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0} end
<less>
local open, floor, keep, missing = ARGV[1], ARGV[2], ARGV[1], {}
for i = 3, #ARGV do missing[ARGV[i]] = true end
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local named = {}
  for i = 1, #info, 2 do named[info[i]] = info[i + 1] end
  missing[named['name']] = nil
  local low = named['last-delivered-id']
  if named['pending'] > 0 then
    local summary = redis.call('XPENDING', KEYS[1], named['name'])
    if summary[2] and less(summary[2], low) then low = summary[2] end
  end
  if less(low, keep) then keep = low end
end
if next(missing) then keep = '0-0' end
local may_go = less(open, floor) and open or floor
if less(keep, may_go) then keep = may_go end
local removed = redis.call('XTRIM', KEYS[1], 'MINID', keep)
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return {removed, first and less(first[1], floor) and 1 or 0}
""".replace("<less>", _LESS)

REMOVE_IDLE_CONSUMERS = """
-- Remove consumers that hold nothing and have been idle for long: XGROUP DELCONSUMER drops what one still holds.
-- KEYS: stream. ARGV: group, idle ms. Returns their names.
local removed = {}
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local named = {}
  for i = 1, #info, 2 do named[info[i]] = info[i + 1] end
  if named['pending'] == 0 and named['idle'] > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], named['name'])
    removed[#removed + 1] = named['name']
  end
end
return removed
"""

DROP_DRAINED_GROUP = """
-- Drop a disabled region's group once nothing is unread or pending there, or at once if forced.
-- KEYS: stream. ARGV: group, '1' to force. Returns 1 if it was dropped.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local named = {}
  for i = 1, #info, 2 do named[info[i]] = info[i + 1] end
  if named['name'] == ARGV[1] then
    local unread = redis.call('XRANGE', KEYS[1], '(' .. named['last-delivered-id'], '+', 'COUNT', 1)
    if ARGV[2] == '1' or (named['pending'] == 0 and #unread == 0) then
      return redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
    end
  end
end
return 0
"""

RECALL = """
-- Take out of the stream what lies further ahead than anything may, and take its last id back: Redis refuses whatever
-- is not greater than that, and lowers it for nobody. So the stream is made anew, with all else that is in it.
-- KEYS: stream, a key to build it under. ARGV: the greatest id that may be. Returns how many entries went.
<less>
local function all(command, key, group, each)
  local from = '-'
  while true do
    local rows
    if group then rows = redis.call(command, key, group, from, ARGV[1], 1000)
    else rows = redis.call(command, key, from, ARGV[1], 'COUNT', 1000) end
    for _, row in ipairs(rows) do each(row) end
    if #rows == 0 then return end
    from = '(' .. rows[#rows][1]
  end
end
redis.call('DEL', KEYS[2])
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local before, last, kept = redis.call('XLEN', KEYS[1]), '0-0', 0
all('XRANGE', KEYS[1], nil, function(entry)
  last, kept = entry[1], kept + 1
  redis.call('XADD', KEYS[2], entry[1], unpack(entry[2]))
end)
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local named = {}
  for i = 1, #info, 2 do named[info[i]] = info[i + 1] end
  local name, delivered = named['name'], named['last-delivered-id']
  redis.call('XGROUP', 'CREATE', KEYS[2], name, less(last, delivered) and last or delivered, 'MKSTREAM')
  all('XPENDING', KEYS[1], name, function(held)
    redis.call('XCLAIM', KEYS[2], name, held[2], 0, held[1], 'IDLE', held[3], 'RETRYCOUNT', held[4], 'FORCE', 'JUSTID')
  end)
end
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('RENAME', KEYS[2], KEYS[1]) else redis.call('DEL', KEYS[1]) end
return before - kept
""".replace("<less>", _LESS)
