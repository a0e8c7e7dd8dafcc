-- Do one thing for several users: a failure becomes that user's own result, as text, and the rest go on.
-- ARGV[first..] hold `width` values a user; `step` gets them.
local function each_user(first, width, step)
  local results = {}
  for i = first, #ARGV, width do
    local ok, result = pcall(step, unpack(ARGV, i, i + width - 1))
    if not ok then
      result = type(result) == 'table' and result.err or tostring(result)
    end
    results[#results + 1] = result
  end
  return cmsgpack.pack(results)
end
