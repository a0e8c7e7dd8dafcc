-- The server's clock. Every time in the store comes from here, so that no node's clock matters.
local clock = redis.call('TIME')
local now_s = tonumber(clock[1])
local now_us = now_s * 1000000 + tonumber(clock[2])
