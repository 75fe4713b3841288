// Package backendtest owns the conformance suite that every backend passes,
// against the simulator and against the real engine, and the fault suite of the
// client that all served backends share. It knows the contract of package
// backends and no engine.
//
// # Faults
//
// What a server can do wrong, what becomes of the request or the launch, and
// which test shows it. The faults of an answer are package fake/faults; TestFaults
// here plays each in four protocols (completions and chat as event streams,
// Ollama's generate and chat as lines), 1,000 requests a protocol, 250 at once;
// MATRIX_FAULT_REQUESTS=1000 plays each fault so often. A reply comes less than a
// second after its request's timeout (runner/load gives up after 0.8 s whatever
// an engine does: TestTimeoutIsGuarded there, on a fake clock; here with a margin for busy
// machines).
//
//	fault                            ends as                            names in fake/faults, or test
//	refused connection               disconnected connection_refused    refused, refused_again
//	accepts, never answers           timed_out                          silent, error_body_stalls
//	500                              failed http_500                    http_500, http_500_oom (class oom)
//	503, 429, Retry-After            rejected http_503 …, or retried    http_503, http_429, retry_after_*, retry_too_late
//	reset before headers             disconnected connection_reset      reset_before_headers, close_before_headers; the server being
//	                                                                    well, sent again up to 3 times: reset_once, closed_once
//	reset mid-stream                 disconnected connection_reset      reset_mid_stream, close_mid_stream, short_body
//	reset before the end mark        disconnected                       reset_before_done
//	reset behind the end mark        ok                                 reset_after_done, stall_after_done
//	stall mid-stream                 timed_out                          stall_mid_stream, stall_before_done
//	200 with an error event          failed error_event                 error_event, error_event_first, error_object
//	missing [DONE] / done:true       truncated no_end_mark              no_done, no_done_after_finish, empty_body
//	… after finish_reason and usage  ok, flag no_end_mark               no_done_after_usage
//	done twice                       malformed done_twice               done_twice
//	events after done                malformed event_after_done         events_after_done
//	torn UTF-8 across chunks         ok, whole                          torn_utf8, torn_utf8_events
//	one 10 MiB line                  ok                                 long_line; above 16 MiB line_too_long: wire TestFaults
//	1-byte TCP segments              ok                                 one_byte_segments
//	gzip                             ok                                 gzip; another encoding malformed: unknown_encoding
//	chunked trailers                 ok                                 trailers; a broken chunk malformed: bad_chunk
//	usage missing or zero            ok, counts null                    usage_missing, usage_zero
//	usage that cannot be             ok, count null, flag bad_count     usage_too_large, usage_negative, usage_overflows
//	a token over the limit           ok, flag over_max                  one_token_more
//	an end that is no answer         failed finish_…                    finish_abort, finish_error, finish_content_filter, finish_load_without_text
//	an end that nobody knows         ok, flag unknown_finish            finish_unknown
//	event: error                     failed error_event                 event_error
//	Retry-After of any size          ends the request                   retry_too_late, retry_much_too_late
//	a backlog shorter than the burst ok, no connection lost             wire TestBurst, TestBurstWithoutHeaders
//	EngineCore dies before the rest  engine_failed, rest not_sent       simulator TestEngineCoreDies, runner TestDying…
//	wrong model name                 malformed wrong_model              wrong_model, wrong_model_later; at an attach vllm TestAttach
//	slow loris                       timed_out                          slow_headers, slow_body
//	not JSON, not HTTP               malformed                          html, bad_json, bad_escape, half_an_event, no_http
//	the offline driver's pipe        as the above                       vllm TestDriverFaults, TestDriverBatchFaults
//	other server on our port         launch: port_taken, environment    vllm TestServePortTaken, impostor; ollama foreign
//	engine exits 0 mid-cell          disconnected engine_died           vllm TestServeDies, simulator TestServedEngineDiesMidway, Kill here
//	engine hangs at load             launch: timeout                    vllm and ollama Test…LaunchFailures
//	out of memory at load            launch: oom                        vllm and ollama Test…LaunchFailures
//	out of memory mid-run            failed oom; batch: an error        http_500_oom; vllm TestOfflineEngineProcessVanishes; real TestVLLMOffline
//	clock step                       no effect                          every time of a reply is monotonic: checkClock
//	disk full                        launch: disk_full, environment     vllm TestFullDisk, TestClassify; rows: package results
//	limit of open files reached      not_sent fd_limit                  TestFileLimit
package backendtest
