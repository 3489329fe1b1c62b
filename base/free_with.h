// The deleter of a unique_ptr of what a C library frees by a function of its own.
#pragma once

namespace clops {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};

}  // namespace clops
