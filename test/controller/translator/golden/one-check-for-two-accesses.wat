(module
  (type (;0;) (func (param i32 i32 i32) (result i32)))
  (type (;1;) (func (param i32 i32 i32) (result i32 i32)))
  (type (;2;) (func (param i32 i32 i32) (result i32 i32 i32)))
  (import "env" "memory" (memory (;0;) 5 5 shared))
  (import "env" "table" (table (;0;) 4096 funcref))
  (import "env" "reason" (global (;0;) (mut i32)))
  (import "env" "watched" (global (;1;) (mut i32)))
  (import "env" "store" (func (;0;) (type 0)))
  (func (;1;) (type 2) (param i32 i32 i32) (result i32 i32 i32)
    (local i32 i32 i32 i32 i32)
    block  ;; label = @1
      i32.const 4096
      i32.load offset=40 align=1
      local.set 6
      local.get 0
      i32.const -2147483640
      i32.add
      local.tee 4
      i32.const 65528
      i32.gt_u
      if  ;; label = @2
        i32.const -2147483647
        local.set 3
        br 1 (;@1;)
      end
      local.get 4
      i32.const 6
      i32.shr_u
      i32.load8_u offset=12288
      local.get 4
      i32.const 7
      i32.add
      i32.const 6
      i32.shr_u
      i32.load8_u offset=12288
      i32.or
      i32.const 3
      i32.and
      if  ;; label = @2
        i32.const -2147483647
        local.set 3
        br 1 (;@1;)
      end
      local.get 4
      i32.const 261880
      i32.add
      local.set 7
      local.get 7
      i32.load offset=264 align=1
      local.set 6
      local.get 7
      local.get 6
      i32.store offset=268 align=1
      local.get 1
      i32.const -2
      i32.and
      local.set 3
      local.get 2
      i32.const 3
      i32.add
      local.set 2
      local.get 3
      local.get 2
      local.get 6
      return
      unreachable
    end
    i32.const 2
    global.set 0
    local.get 3
    local.get 2
    local.get 6
    return)
  (func (;2;) (export "e0") (type 1) (param i32 i32 i32) (result i32 i32)
    (local i32)
    local.get 0
    i32.const -2147483648
    i32.ne
    if  ;; label = @1
      i32.const 4
      global.set 0
      local.get 0
      i32.const 1
      i32.or
      local.get 1
      return
    end
    local.get 1
    i32.const 3
    i32.add
    i32.const 4096
    i32.load offset=136 align=1
    i32.gt_u
    if  ;; label = @1
      i32.const 3
      global.set 0
      local.get 0
      i32.const 1
      i32.or
      local.get 1
      return
    end
    i32.const 4096
    i32.load offset=8 align=1
    i32.const 4096
    i32.load offset=4 align=1
    local.get 1
    call 1
    local.set 3
    i32.const 4096
    local.get 3
    i32.store offset=40 align=1))
